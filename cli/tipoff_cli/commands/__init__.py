"""The commands of `tipoff` that plan, explain, ask for and look at what runs; one module a command."""
