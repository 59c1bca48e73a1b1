"""Samples of Fourier transforms: odd and even lengths, cropped and padded, every axis and norm."""

from __future__ import annotations

from typing import Any

from . import case, normal, samples

__all__: list[str] = []


def _complex(*shape: int) -> Any:
    return normal(*shape) + 1j * normal(*shape)


for _name in ("fft", "ifft"):
    samples(
        _name,
        case(normal(4), label="real"),
        case(_complex(5), label="complex, odd"),
        case(_complex(2, 3), 5, label="padded"),
        case(_complex(2, 4), 3, label="cropped"),
        case(normal(4, 2), axis=0, label="first axis"),
        case(_complex(3, 2), 4, -2, "ortho", label="ortho, negative axis"),
        case(normal(2, 4), norm="forward", label="forward"),
        case(normal(3, 1), label="length 1"),
        case(normal(0, 4), label="empty batch", order=1),
    )

for _name in ("rfft", "ihfft"):
    samples(
        _name,
        case(normal(4), label="even"),
        case(normal(5), label="odd"),
        case(normal(2, 3), 6, label="padded, even"),
        case(normal(2, 3), 5, label="padded, odd"),
        case(normal(2, 5), 4, label="cropped, even"),
        case(normal(2, 5), 3, label="cropped, odd"),
        case(normal(4, 2), axis=0, label="first axis"),
        case(normal(3, 2), 4, -2, "ortho", label="ortho, negative axis"),
        case(normal(2, 4), norm="forward", label="forward"),
        case(normal(3, 1), label="length 1"),
        case(normal(3), 2, label="to length 2"),
        case(normal(0, 4), label="empty batch", order=1),
    )

for _name in ("irfft", "hfft"):
    samples(
        _name,
        case(_complex(3), label="even"),
        case(_complex(3), 5, label="odd"),
        case(normal(3), label="real"),
        case(_complex(2, 3), 8, label="padded, even"),
        case(_complex(2, 3), 7, label="padded, odd"),
        case(_complex(2, 5), 4, label="cropped, even"),
        case(_complex(2, 5), 3, label="cropped, odd"),
        case(_complex(3, 2), axis=0, label="first axis"),
        case(_complex(3, 2), 5, -2, "ortho", label="ortho, negative axis"),
        case(_complex(2, 3), norm="forward", label="forward"),
        case(_complex(2, 2), 1, label="to length 1"),
        case(_complex(2, 1), 2, label="length 1 to 2"),
        case(_complex(0, 3), label="empty batch", order=1),
    )

for _name in ("fft2", "ifft2", "fftn", "ifftn"):
    samples(
        _name,
        case(normal(2, 3), label="real"),
        case(_complex(2, 2, 3), label="complex"),
        case(_complex(2, 3, 2), s=(3, 4), axes=(0, 1), label="padded"),
        case(_complex(3, 2, 4), s=(2, 3), axes=(-1, 0), label="cropped, axes out of order"),
        case(_complex(3, 2), s=(-1, 3), axes=(0, 1), label="one length as it is"),
        case(normal(2, 3), norm="ortho", label="ortho"),
        case(normal(2, 3), norm="forward", label="forward"),
        case(_complex(2, 3), axes=(1, 1), label="an axis twice"),
        case(_complex(2, 3), axes=(0,), label="one axis"),
    )

for _name in ("rfft2", "rfftn"):
    samples(
        _name,
        case(normal(2, 3), label="odd"),
        case(normal(2, 2, 4), label="even"),
        case(normal(2, 3, 2), s=(3, 4), axes=(0, 1), label="padded"),
        case(normal(3, 2, 4), s=(2, 2), axes=(-1, 0), label="cropped, axes out of order"),
        case(normal(3, 2), s=(4, -1), axes=(0, 1), label="one length as it is"),
        case(normal(2, 3), norm="ortho", label="ortho"),
        case(normal(2, 3), norm="forward", label="forward"),
        case(normal(2, 3), axes=(0,), label="one axis"),
    )

for _name in ("irfft2", "irfftn"):
    samples(
        _name,
        case(_complex(2, 3), label="even"),
        case(_complex(2, 2, 3), s=(2, 5), axes=(1, 2), label="odd"),
        case(normal(2, 3), label="real"),
        case(_complex(2, 3, 2), s=(3, 7), axes=(0, 1), label="padded"),
        case(_complex(3, 2, 4), s=(2, 3), axes=(-1, 0), label="cropped, axes out of order"),
        case(_complex(3, 2), norm="ortho", label="ortho"),
        case(_complex(3, 2), norm="forward", label="forward"),
        case(_complex(3, 2), axes=(0,), label="one axis"),
    )

for _name in ("fftshift", "ifftshift"):
    samples(
        _name,
        case(normal(5), label="odd"),
        case(normal(2, 3), label="all axes"),
        case(normal(2, 3), 1, label="one axis"),
        case(_complex(3, 2, 3), axes=(0, -1), label="two axes, complex"),
    )
