"""What models of the ``transformers`` library need before they can be exported.

Only causal language models need anything: their attention mask is built with ``vmap``, which ``torch.export.save``
cannot store. ``transformers`` has a mask without ``vmap``; it has to be registered and chosen.
"""

MASK_WITHOUT_VMAP = "sdpa_without_vmap"


def make_exportable(model):
    """Let a ``transformers`` model build its attention mask without ``vmap``, and keep no cache in its outputs.

    Works in place and returns ``model``, in evaluation mode. Call it before :func:`genie.export.export`. Models that
    are no causal language models are only switched to evaluation mode.

    Raises ``RuntimeError`` when the installed ``transformers`` has no such mask (before 4.54).
    """
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    model.eval()
    if not model.can_generate() and not getattr(model.config, "is_decoder", False) and not _is_causal(model):
        return model
    try:
        from transformers.integrations.executorch import sdpa_mask_without_vmap
        from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    except ImportError as error:
        import transformers

        raise RuntimeError(
            f"transformers {transformers.__version__} has no attention mask that can be exported; "
            "install transformers 4.57 or newer"
        ) from error
    ALL_MASK_ATTENTION_FUNCTIONS.register(MASK_WITHOUT_VMAP, sdpa_mask_without_vmap)
    ALL_ATTENTION_FUNCTIONS.register(MASK_WITHOUT_VMAP, ALL_ATTENTION_FUNCTIONS["sdpa"])
    for config in _configs(model.config):
        config._attn_implementation = MASK_WITHOUT_VMAP
        config.use_cache = False
    return model


def _is_causal(model):
    """Whether any attention module of a model is causal."""
    return any(getattr(module, "is_causal", False) for module in model.modules())


def _configs(config):
    """A configuration and those of the parts of the model (``text_config`` and so on)."""
    yield config
    for name in getattr(config, "sub_configs", {}):
        part = getattr(config, name, None)
        if part is not None:
            yield from _configs(part)
