"""What a person is told of a training that needed too much."""


def out_of_memory(megabytes: int) -> str:
    """What a person is told."""
    return (
        f"Training needs more memory than the {megabytes} MB that one job may use. Train on fewer rows or columns, or ask the "
        "administrator to raise SIGNET_TRAINING_MEMORY_MB."
    )
