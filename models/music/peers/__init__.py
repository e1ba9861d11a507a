"""What others would build for the same job, trained here on the same songs: what our model must beat."""
