"""PyTorch makes its table of ONNX's operators anew for each export, which takes seconds; here it is made once."""
from functools import cache

from torch.onnx._internal.exporter._registration import ONNXRegistry

ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))
