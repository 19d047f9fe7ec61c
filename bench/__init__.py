"""How fast does the engine decide, next to its peers and next to an empty web view?"""
