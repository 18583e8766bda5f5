"""Pictures that people upload: read with suspicion, written again from their pixels alone."""
