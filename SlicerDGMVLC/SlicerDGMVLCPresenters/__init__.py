"""What a viewer says and allows, without any toolkit: the Slicer panel and the browser page are
skins of it. Standard library, numpy and scipy only."""
