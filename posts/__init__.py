"""AlphaNode: a review-first CMS for machine-written technical articles."""

__version__ = "0.6.0"
