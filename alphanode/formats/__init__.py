"""How dates are written where no template says it, by language."""
