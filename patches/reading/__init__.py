"""A version as a reader sees it: files and rows of its diffs, words, colours, pages, talks."""
