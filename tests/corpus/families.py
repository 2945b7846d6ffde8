"""Corpus cases from the model families that people run: small but real shapes, random weights, static and dynamic."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch import nn
from torch.export import Dim

from case import FORWARD, Case, Variant, call, call_of
from genie.huggingface import make_exportable

VOCABULARY = 300
TEXT_SIZES = [(2, 9), (3, 17), (5, 4), (1, 12)]


class Fields(nn.Module):
    """Calls a transformers model by keyword and returns a plain dict of some of its outputs."""

    def __init__(self, model, *names):
        super().__init__()
        self.model = make_exportable(model)
        self.names = names

    def forward(self, **inputs):
        result = self.model(**inputs)
        return {name: result[name] for name in self.names}


class TextModel(Fields):
    """Token ids and a padding mask in, some outputs out."""

    def forward(self, input_ids, attention_mask):
        return super().forward(input_ids=input_ids, attention_mask=attention_mask)


class ImageModel(Fields):
    """Pixels in, some outputs out."""

    def forward(self, pixel_values):
        return super().forward(pixel_values=pixel_values)


class EncoderDecoder(Fields):
    """Encoder and decoder token ids in, logits out."""

    def forward(self, input_ids, attention_mask, decoder_input_ids):
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=decoder_input_ids)


class SpeechModel(Fields):
    """Mel features and decoder token ids in, logits out."""

    def forward(self, input_features, decoder_input_ids):
        return super().forward(input_features=input_features, decoder_input_ids=decoder_input_ids)


class ClipModel(Fields):
    """Text and pixels in, similarities out."""

    def forward(self, input_ids, attention_mask, pixel_values):
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, pixel_values=pixel_values)


def text(sizes):
    """Runs of token ids and a mask whose last row ends in padding."""
    runs = {}
    for batch, sequence in sizes:
        mask = torch.ones(batch, sequence, dtype=torch.int64)
        mask[-1, max(1, sequence - 2):] = 0
        runs[f"{batch}x{sequence}"] = [call(torch.randint(3, VOCABULARY, (batch, sequence)), mask)]
    return runs


def pixels(sizes):
    return {f"{batch}x{side}": [call(torch.randn(batch, 3, side, side))] for batch, side in sizes}


def encoder_decoder(sizes):
    runs = {}
    for batch, source, target in sizes:
        mask = torch.ones(batch, source, dtype=torch.int64)
        mask[-1, max(1, source - 2):] = 0
        runs[f"{batch}x{source}x{target}"] = [call(torch.randint(3, VOCABULARY, (batch, source)), mask,
                                                   torch.randint(3, VOCABULARY, (batch, target)))]
    return runs


def text_dims():
    batch, sequence = Dim("batch", max=16), Dim("seq", min=2, max=48)
    return {name: {0: batch, 1: sequence} for name in ("input_ids", "attention_mask")}


def text_families():
    import transformers as t

    small = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                 max_position_embeddings=64)
    causal = dict(small, num_key_value_heads=2, pad_token_id=0)
    yield "distilbert", ["last_hidden_state"], lambda: t.DistilBertModel(
        t.DistilBertConfig(vocab_size=VOCABULARY, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=64))
    yield "roberta", ["last_hidden_state", "pooler_output"], lambda: t.RobertaModel(t.RobertaConfig(**small))
    yield "albert", ["last_hidden_state", "pooler_output"], lambda: t.AlbertModel(
        t.AlbertConfig(**small, embedding_size=16))
    yield "llama", ["logits"], lambda: t.LlamaForCausalLM(t.LlamaConfig(**causal))
    yield "mistral", ["logits"], lambda: t.MistralForCausalLM(t.MistralConfig(**causal, sliding_window=8))
    yield "qwen2", ["logits"], lambda: t.Qwen2ForCausalLM(t.Qwen2Config(**causal))
    yield "gemma3", ["logits"], lambda: t.Gemma3ForCausalLM(t.Gemma3TextConfig(
        **causal, head_dim=8, sliding_window=8, layer_types=["sliding_attention", "full_attention"]))
    yield "mixtral", ["logits"], lambda: t.MixtralForCausalLM(
        t.MixtralConfig(**causal, num_local_experts=4, num_experts_per_tok=2))


def image_families():
    import transformers as t

    yield "vit", ["last_hidden_state"], lambda: t.ViTModel(t.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8))
    yield "swin", ["last_hidden_state"], lambda: t.SwinModel(t.SwinConfig(
        image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4))
    yield "convnext", ["logits"], lambda: t.ConvNextForImageClassification(t.ConvNextConfig(
        hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 2, 1], num_labels=10))
    yield "mobilenet-v2", ["logits"], lambda: t.MobileNetV2ForImageClassification(t.MobileNetV2Config(
        image_size=32, depth_multiplier=0.35, num_labels=10))
    yield "segformer", ["logits"], lambda: t.SegformerForSemanticSegmentation(t.SegformerConfig(
        hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1], decoder_hidden_size=32, num_labels=5,
        num_attention_heads=[1, 2, 4, 8]))


def t5():
    from transformers import T5Config, T5ForConditionalGeneration

    return EncoderDecoder(T5ForConditionalGeneration(T5Config(
        vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)), "logits")


def bart():
    from transformers import BartConfig, BartForConditionalGeneration

    return EncoderDecoder(BartForConditionalGeneration(BartConfig(
        vocab_size=VOCABULARY, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64)), "logits")


def whisper():
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    return SpeechModel(WhisperForConditionalGeneration(WhisperConfig(
        vocab_size=VOCABULARY, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, num_mel_bins=20, max_source_positions=30,
        max_target_positions=40, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        suppress_tokens=None, begin_suppress_tokens=None)), "logits")


def clip():
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

    part = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    config = CLIPConfig.from_text_vision_configs(
        CLIPTextConfig(**part, vocab_size=VOCABULARY, max_position_embeddings=64, eos_token_id=2),
        CLIPVisionConfig(**part, image_size=32, patch_size=8), projection_dim=16)
    return ClipModel(CLIPModel(config), "logits_per_image", "text_embeds", "image_embeds")


class UNetBlock(nn.Module):
    """One level of a diffusion UNet: residual blocks with a time embedding, self-attention, down, up, skip."""

    def __init__(self, channels=16):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, 2 * channels))
        self.entry = nn.Conv2d(4, channels, 3, padding=1)
        self.norm = nn.GroupNorm(4, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.down = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.attention = nn.MultiheadAttention(channels, 4, batch_first=True)
        self.leave = nn.Conv2d(2 * channels, 4, 3, padding=1)

    def embed(self, steps):
        half = self.norm.num_channels // 2
        rate = torch.exp(torch.arange(half, dtype=torch.float32) * (-6.0 / half))
        angle = steps.float()[:, None] * rate[None]
        return self.time(torch.cat([angle.sin(), angle.cos()], dim=-1))

    def forward(self, latents, steps):
        x = self.entry(latents)
        scale, shift = self.embed(steps)[:, :, None, None].chunk(2, dim=1)
        x = x + self.conv(nn.functional.silu(self.norm(x) * (1 + scale) + shift))
        low = self.down(x)
        flat = low.flatten(2).transpose(1, 2)
        flat = flat + self.attention(flat, flat, flat, need_weights=False)[0]
        low = flat.transpose(1, 2).reshape(low.shape)
        up = nn.functional.interpolate(low, scale_factor=2.0, mode="nearest")
        return self.leave(torch.cat([x, up], dim=1))


class GraphNetwork(nn.Module):
    """Two rounds of message passing with scatter sums, then a mean over each graph."""

    def __init__(self, width=16):
        super().__init__()
        self.encode = nn.Linear(8, width)
        self.message = nn.ModuleList([nn.Linear(2 * width, width) for _ in range(2)])
        self.update = nn.ModuleList([nn.GRUCell(width, width) for _ in range(2)])
        self.read = nn.Linear(width, 3)

    def forward(self, nodes, edges, graph_of_node):
        x = self.encode(nodes).relu()
        source, target = edges[0], edges[1]
        for message, update in zip(self.message, self.update):
            sent = message(torch.cat([x[source], x[target]], dim=-1)).relu()
            received = torch.zeros_like(x).scatter_add(0, target[:, None].expand_as(sent), sent)
            x = update(received, x)
        sums = torch.zeros(4, x.shape[1]).index_add(0, graph_of_node, x)
        counts = torch.zeros(4).index_add(0, graph_of_node, torch.ones_like(graph_of_node, dtype=torch.float32))
        return self.read(sums / counts.clamp(min=1)[:, None])


class Recurrent(nn.Module):
    """A two-layer bidirectional LSTM or GRU over an embedding."""

    def __init__(self, kind):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, 16)
        self.recurrent = kind(16, 24, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(48, 5)

    def forward(self, tokens):
        output, state = self.recurrent(self.embed(tokens))
        return {"logits": self.head(output), "state": state}


class CachedDecoder(nn.Module):
    """A causal language model over a static cache that the module owns: prefill and decode are calls of one program.

    The cache tensors are non-persistent buffers; ``StaticCache`` is built around them inside forward, so that the
    export sees writes to buffers and nothing else.
    """

    def __init__(self, model, length):
        super().__init__()
        self.model = make_exportable(model)
        self.length = length
        config = self.model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
        self.heads = heads
        self.width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
        for index in range(config.num_hidden_layers):
            rows = min(config.sliding_window, length) if kinds[index] == "sliding_attention" else length
            for part in ("key", "value"):
                self.register_buffer(f"{part}_cache_{index}", torch.zeros(1, heads, rows, self.width), persistent=False)

    def forward(self, input_ids, cache_position):
        from transformers import StaticCache

        cache = StaticCache(config=self.model.config, max_cache_len=self.length)
        for index, layer in enumerate(cache.layers):
            layer.keys = getattr(self, f"key_cache_{index}")
            layer.values = getattr(self, f"value_cache_{index}")
            layer.is_initialized = True
            layer.max_batch_size, layer.num_heads, layer.head_dim = 1, self.heads, self.width
            layer.dtype, layer.device = layer.keys.dtype, layer.keys.device
        result = self.model(input_ids=input_ids, cache_position=cache_position, past_key_values=cache, use_cache=True)
        return result.logits


def cached(name):
    import transformers as t

    small = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                 max_position_embeddings=64, num_key_value_heads=2, pad_token_id=0)
    models = {
        "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**small)),
        "mistral": lambda: t.MistralForCausalLM(t.MistralConfig(**small, sliding_window=None)),
        "qwen2": lambda: t.Qwen2ForCausalLM(t.Qwen2Config(**small)),
        "gemma3": lambda: t.Gemma3ForCausalLM(t.Gemma3TextConfig(
            **small, head_dim=8, sliding_window=64, layer_types=["sliding_attention", "full_attention"])),
        "gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(
            vocab_size=VOCABULARY, n_positions=64, n_embd=32, n_layer=2, n_head=4)),
    }
    return CachedDecoder(models[name](), length=32)


def decode_steps(prompt, prefill=FORWARD, decode=FORWARD):
    """A prompt at once, then four tokens one by one, in one session."""
    steps = [call_of(prefill, torch.randint(3, VOCABULARY, (1, prompt)), torch.arange(prompt))]
    for index in range(4):
        steps.append(call_of(decode, torch.randint(3, VOCABULARY, (1, 1)), torch.tensor([prompt + index])))
    return steps


def cases():
    tags = ("family",)
    for name, fields, build in text_families():
        wrapped = lambda build=build, fields=fields: TextModel(build(), *fields)
        # Mixtral loops over the experts that were hit: as many as the data says.
        refuses = "GuardOnDataDependentSymNode" if name == "mixtral" else ""
        yield Case(f"{name}-static", wrapped, lambda: text(TEXT_SIZES[:1]), tags=tags, torch_refuses=refuses)
        yield Case(f"{name}-dynamic", wrapped, lambda: text(TEXT_SIZES), text_dims(), tags=tags, torch_refuses=refuses)
    for name, fields, build in image_families():
        wrapped = lambda build=build, fields=fields: ImageModel(build(), *fields)
        side = 64 if name == "segformer" else 32
        yield Case(f"{name}-static", wrapped, lambda side=side: pixels([(2, side)]), tags=tags)
        yield Case(f"{name}-dynamic", wrapped, lambda side=side: pixels([(2, side), (3, side), (7, side)]),
                   {"pixel_values": {0: Dim("batch", max=16)}}, tags=tags)
    batch, source, target = Dim("batch", max=16), Dim("source", min=2, max=48), Dim("target", min=2, max=48)
    pair_dims = {"input_ids": {0: batch, 1: source}, "attention_mask": {0: batch, 1: source},
                 "decoder_input_ids": {0: batch, 1: target}}
    for name, build in (("t5", t5), ("bart", bart)):
        yield Case(f"{name}-static", build, lambda: encoder_decoder([(2, 9, 5)]), tags=tags)
        yield Case(f"{name}-dynamic", build, lambda: encoder_decoder([(2, 9, 5), (3, 6, 11), (1, 20, 2)]), pair_dims,
                   tags=tags)
    speech = lambda sizes: {f"{b}x{n}": [call(torch.randn(b, 20, 60), torch.randint(3, VOCABULARY, (b, n)))]
                            for b, n in sizes}
    yield Case("whisper-static", whisper, lambda: speech([(2, 5)]), tags=tags)
    yield Case("whisper-dynamic", whisper, lambda: speech([(2, 5), (3, 9), (1, 4)]),
               {"input_features": {0: batch}, "decoder_input_ids": {0: batch, 1: target}}, tags=tags)
    both = lambda sizes: {f"{b}x{n}": [call(*text([(b, n)])[f"{b}x{n}"][0].args, torch.randn(b, 3, 32, 32))] for b, n in sizes}
    yield Case("clip-static", clip, lambda: both([(2, 9)]), tags=tags)
    yield Case("clip-dynamic", clip, lambda: both([(2, 9), (3, 17), (5, 4)]), {**text_dims(), "pixel_values": {0: Dim("images", max=16)}},
               tags=tags)
    unet = lambda sizes: {f"{b}x{s}": [call(torch.randn(b, 4, s, s), torch.randint(0, 1000, (b,)))] for b, s in sizes}
    yield Case("unet-block-static", UNetBlock, lambda: unet([(2, 16)]), tags=tags)
    yield Case("unet-block-dynamic", UNetBlock, lambda: unet([(2, 16), (3, 16), (5, 16)]),
               {"latents": {0: batch}, "steps": {0: batch}}, tags=tags)
    graph = lambda sizes: {f"{n}x{e}": [call(torch.randn(n, 8), torch.randint(0, n, (2, e)),
                                             torch.randint(0, 4, (n,)).sort().values)] for n, e in sizes}
    nodes, edges = Dim("nodes", min=2, max=200), Dim("edges", min=2, max=900)
    yield Case("graph-network-static", GraphNetwork, lambda: graph([(12, 40)]), tags=tags)
    yield Case("graph-network-dynamic", GraphNetwork, lambda: graph([(12, 40), (30, 55), (5, 7)]),
               {"nodes": {0: nodes}, "edges": {1: edges}, "graph_of_node": {0: nodes}}, tags=tags)
    tokens = lambda sizes: {f"{b}x{s}": [call(torch.randint(0, VOCABULARY, (b, s)))] for b, s in sizes}
    for name, kind in (("lstm", nn.LSTM), ("gru", nn.GRU)):
        yield Case(f"{name}-static", lambda kind=kind: Recurrent(kind), lambda: tokens([(2, 7)]), tags=tags)
        yield Case(f"{name}-dynamic", lambda kind=kind: Recurrent(kind), lambda: tokens([(2, 7), (4, 7), (3, 7)]),
                   {"tokens": {0: batch}}, tags=tags)
        # PyTorch exports a recurrent layer for one length.
        yield Case(f"{name}-dynamic-sequence", lambda kind=kind: Recurrent(kind), lambda: tokens([(2, 7), (4, 11), (3, 5)]),
                   {"tokens": {0: batch, 1: Dim("seq", min=2, max=48)}}, tags=tags, torch_refuses="UserError")
    sequence = Dim("seq", max=31)
    cache_dims = {"input_ids": {1: sequence}, "cache_position": {0: sequence}}
    for name in ("llama", "mistral", "qwen2", "gemma3", "gpt2"):
        # One program for both, and two programs in one archive that share weights and cache.
        yield Case(f"{name}-cached", lambda name=name: cached(name),
                   lambda: {f"prompt-{n}": decode_steps(n) for n in (5, 9, 2)}, cache_dims, tags=(*tags, "stateful"))
        yield Case(f"{name}-prefill-decode", lambda name=name: cached(name),
                   lambda: {f"prompt-{n}": decode_steps(n, "prefill", "decode") for n in (5, 9, 2)},
                   variants=lambda: {"prefill": Variant(decode_steps(5)[0], cache_dims), "decode": Variant(decode_steps(5)[1])},
                   tags=(*tags, "stateful"))
