"""A text-to-video model, made on the spot with random weights: what its real loading path is tested with."""

from __future__ import annotations

from pathlib import Path

from .tiny_peers import _clip_tokenizer

__all__ = ["tiny_text_to_video"]


def tiny_text_to_video(folder: Path) -> Path:
    """A TextToVideoSD pipeline with tokens of bytes: 16 pictures of 64 x 64 pixels."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, TextToVideoSDPipeline, UNet3DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=514, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=77, bos_token_id=512, eos_token_id=513, pad_token_id=513,
        )
    )  # fmt: skip
    unet = UNet3DConditionModel(
        sample_size=32, in_channels=4, out_channels=4, block_out_channels=(8, 8), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"), up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=32, attention_head_dim=4, norm_num_groups=2,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 8), in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=2,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    pipeline = TextToVideoSDPipeline(
        vae=vae, text_encoder=text, tokenizer=_clip_tokenizer(), unet=unet,
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
    )  # fmt: skip
    pipeline.save_pretrained(folder)
    return folder
