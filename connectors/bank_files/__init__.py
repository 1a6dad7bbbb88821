"""Bank statement files from a folder: camt.052, .053 and .054, single or in a zip."""
