"""Which device computes here, and whether it has bfloat16."""

import torch


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 itself, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def default_device() -> torch.device:
    """The GPU when torch sees one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
