"""What the processes are measured by, as scatflow operators; one module per subject."""
