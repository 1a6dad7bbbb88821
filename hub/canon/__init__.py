"""The canonical store: kinds, versions, identity and links, three-way merge, ownership."""
