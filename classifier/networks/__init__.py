"""The networks: any timm backbone, one linear head for each level, and how much of them is trained."""
