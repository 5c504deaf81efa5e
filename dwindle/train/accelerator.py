"""One process or many, on CPUs or GPUs: what stages 1 and 2 train on.

Both run as they are under the usual launchers; on CPUs that is

    OMP_NUM_THREADS=1 torchrun --standalone --nproc_per_node 2 train_distill.py …

and on GPUs `accelerate launch train_distill.py …` does the same.
"""

from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, DistributedDataParallelKwargs

from dwindle.errors import UsageError


def start_accelerator(
    device: str, batch_size: int, precision: str = "fp32", tensorboard_dir: Path | None = None
) -> Accelerator:
    """On the device and in the precision that was asked for; the batch is that of all processes together."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: no GPU can be used here: take --device cpu")
    on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
    if on_cpu and precision == "fp16":
        raise UsageError("--precision fp16 needs a GPU: on a CPU take fp32 or bf16")
    accelerator = Accelerator(
        cpu=on_cpu,
        mixed_precision="no" if precision == "fp32" else precision,
        # batches are split, so that more processes change speed and nothing else
        dataloader_config=DataLoaderConfiguration(split_batches=True, use_seedable_sampler=True),
        # a step runs the model twice, and sending the buffers round in between would spoil the gradient
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        log_with="tensorboard" if tensorboard_dir else None,
        project_dir=tensorboard_dir,
    )
    if batch_size % accelerator.num_processes:
        raise UsageError(
            f"--batch_size {batch_size} cannot be shared evenly by {accelerator.num_processes} processes: "
            "give one that can, or start another number of processes"
        )
    if tensorboard_dir:
        accelerator.init_trackers("tensorboard")  # the folder under tensorboard_dir
    return accelerator
