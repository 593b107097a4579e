"""The processes as scatflow sources: labelled arrays, lazy, read region by region; one module per subject."""
