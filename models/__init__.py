"""Everything learned, one folder per modality. Imports core and files only; torch only where a network is trained."""
