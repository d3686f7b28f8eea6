"""Past dates asked for again, or for the first time: what is to be asked, and the asking at a pace of its own."""
