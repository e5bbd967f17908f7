"""PyTorch makes its table of ONNX's operators anew for each export, which takes a second; once imported, it is made.

Tests that export often import this, and so does the fork server of `make test`.
"""
from functools import cache

from torch.onnx._constants import ONNX_DEFAULT_OPSET
from torch.onnx._internal.exporter._registration import ONNXRegistry

ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))
ONNXRegistry.from_torchlib(opset_version=ONNX_DEFAULT_OPSET)    # as an export asks for it
