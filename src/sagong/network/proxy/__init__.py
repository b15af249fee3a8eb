"""The service proxy: ruleset, diff, nft."""
