"""What a reader may answer to each exercise: right, wrong and nonsense, as code of the kernel."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Answers:
    "Three answers, and what the wrong one must be told"
    right: str
    wrong: str
    complaint: str
    nonsense: str = '"cat"'


def by_function(check, name, head, right, wrong, complaint):
    "Answers to an exercise in which a function is written"
    def code(body): return f"def {name}{head}:\n{body}\n\n{check}({name})"
    return Answers(code(right), code(wrong), complaint, f"{check}(7)")


CLASSIC = """nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(32 * {side} * {side}, 128), nn.ReLU(), nn.Linear(128, 1))"""
TWINS = ('{{"flow_from_directory": "get_items", "target_size": "{}", "class_mode": "{}", '
         '"names of the folders": "get_y", "a folder for validation": "splitter"}}')
MOVES = ('{{"a feature map": "{}", "the largest number of a map": "invariant", '
         '"a dense layer on the pixels": "neither"}}')

ANSWERS = {
    # 1
    "check_accuracy": Answers("0.95", "95", "percent"),
    "check_validation": Answers('"b"', '"a"', "neither easier nor harder"),
    "check_trait": Answers(
        "max((e for e in effects if e.trait != 'all of them'), key=lambda e: e.mean).trait, effects",
        "min((e for e in effects if e.trait != 'all of them'), key=lambda e: e.mean).trait, effects",
        "another trait by more", '"paws", effects'),
    # 2
    "check_edge_kernel": Answers("[[1, 1, 1], [0, 0, 0], [-1, -1, -1]]", "[[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]",
                                 "vertical edges as well"),
    "check_parameters": Answers("448", "432", "forgot the biases"),
    "check_block_size": Answers("74", "75", "with padding"),
    "check_max_pool": Answers("[[4, 5], [8, 6]]", "[[2.5, 1.75], [2, 3]]", "average pooling"),
    "check_conv2d": by_function(
        "check_conv2d", "my_convolution", "(x, weight, stride=1, padding=0)",
        "    return nn.functional.conv2d(x, weight, None, stride, padding)",
        "    return nn.functional.conv2d(x, weight.flip(2, 3), None, stride, padding)", "flipped"),
    # 3
    "check_step": Answers("1.2", "0.8", "uphill"),
    "check_largest_rate": Answers("lambda a: 1 / a", "lambda a: 2 / a", "Too large"),
    "check_pool_gradient": Answers("[[0, 4], [0, 0]]", "[[1, 1], [1, 1]]", "average"),
    "check_loop_order": Answers('["forward", "loss", "backward", "step", "zero"]',
                                '["loss", "forward", "backward", "step", "zero"]', "the answer must come first"),
    "check_momentum": by_function(
        "check_momentum", "momentum_step", "(weight, velocity, gradient, rate, momentum)",
        "    velocity = momentum * velocity + gradient\n    return weight - rate * velocity, velocity",
        "    return weight - rate * gradient, velocity", "without momentum"),
    # 4
    "check_twins": Answers(TWINS.format("item_tfms", "blocks"), TWINS.format("blocks", "item_tfms"), "blocks says"),
    "check_flat_size": Answers("64 * 17 * 17", "64 * 18 * 18", "with padding"),
    "check_steps": Answers("20", "2000", "whole batch"),
    "check_two_blocks": Answers(CLASSIC.format(side=14), CLASSIC.format(side=16), "Count the numbers"),
    # 5
    "check_places": Answers("62 * 62", "64 * 64", "hang over the edge"),
    "check_moves": Answers(MOVES.format("equivariant"), MOVES.format("invariant"), "Think of a feature map again"),
    "check_field": Answers("18", "7", "without pooling"),
    # 6
    "check_turning_point": Answers("4", "3", "count from 0"),
    "check_shuffled": Answers("0.5", "1.0", "new ones"),
    "check_best_of": Answers('"a"', '"c"', "after looking"),
    "check_verdicts": Answers('{"A": "overfitting", "B": "underfitting", "C": "still learning"}',
                              '{"A": "underfitting", "B": "underfitting", "C": "still learning"}', "something else"),
    # 7
    "check_dropout": by_function(
        "check_dropout", "my_dropout", "(x, p)",
        "    kept = torch.rand(x.shape) >= p\n    return x * kept / (1 - p)",
        "    return x * (torch.rand(x.shape) >= p)", "make those that are kept larger"),
    "check_l2_step": Answers("2.89", "2.92", "forgot the 2"),
    "check_l1_step": Answers("[0.45, 0, 0, -1.15]", "[0.45, 0.03, -0.02, -1.15]", "passed zero"),
    "check_patience": Answers("(8, 5)", "(8, 8)", "weights of the best epoch"),
    "check_clear": Answers('["B", "C"]', '["A"]', "interval of A"),
    # 8
    "check_head": Answers("1539", "1536", "biases"),
    "check_fine_tune_order": Answers('["load", "replace head", "freeze", "train", "unfreeze", "train all"]',
                                     '["load", "replace head", "train", "freeze", "unfreeze", "train all"]',
                                     "random at first"),
    "check_when_it_pays": Answers('"b"', '"c"', "no picture"),
    # 9
    "check_pictures_needed": Answers("900", "225", "forgot the 2"),
    "check_precision": Answers("95 / 115", "0.95", "recall"),
    "check_temperature": Answers('"above"', '"below"', "surer still"),
    "check_split": Answers('"b"', '"c"', "every single animal"),
    "check_false_alarms": Answers("47.5 / 87.5", "0.05", "in all"),
    # 10
    "check_patch_side": Answers("10", "8", "A pooling follows"),
    "check_finds": Answers("max((u for u in eyes if eyes[u] == eyes[u]), key=eyes.get), eyes",
                           "min((u for u in eyes if eyes[u] == eyes[u]), key=eyes.get), eyes", "show it",
                           '"cat", eyes'),
    "check_dead": Answers('"b"', '"a"', "gradient"),
    # 11
    "check_occlusion": Answers("0.7", "-0.7", "sign"),
    "check_trusted": Answers('[name for name in leads if leads[name] >= 0.1], leads', '["grad_cam"], leads',
                             "not a tenth", '"cat", leads'),
    "check_exposes": Answers('"b"', '"a"', "sofas"),
    # 12
    "check_iou": Answers("1 / 3", "0.25", "counted twice"),
    "check_needed": Answers("min(needed, key=needed.get), needed", "max(needed, key=needed.get), needed",
                            "Another group costs more", '"cat", needed'),
    "check_ascent": Answers("0.52", "0.48", "downhill"),
    # 13
    "check_log_loss": Answers("0.1643", "0.3285", "sum"),
    "check_sure_mistake": Answers("0.00921", "9.2103", "Divide by 1,000"),
    "check_clipped": by_function("check_clipped", "clipped", "(p, clip)", "    return np.clip(p, clip, 1 - clip)",
                                 "    return np.maximum(p, clip)", "low end"),
    "check_place": Answers("3", "4", "share the better place"),
    # 14
    "check_problem": Answers('"contradiction"', '"duplicate"', "one can go"),
    "check_travels": Answers('{"classes", "size", "method"}', '{"classes", "size", "photos"}', "have done their work"),
    "check_refusal": Answers('"b"', '"a"', "every mistake is believed"),
}
