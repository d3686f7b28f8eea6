"""The league's list of signings, waivers and trades since 2015."""
