"""A check of every SQL statement by Google's own analyzer."""
