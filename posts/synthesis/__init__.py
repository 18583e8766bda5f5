"""The demo generator: records of technical articles from seeds, for trying out import, review and reading."""

from posts.synthesis.synthesizer import SYNTHESIZER_VERSION, synthesize_record

__all__ = ["SYNTHESIZER_VERSION", "synthesize_record"]
