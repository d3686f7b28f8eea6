"""Cleanup: compares landed files with Phase 2's receipts, and republishes lost files."""
