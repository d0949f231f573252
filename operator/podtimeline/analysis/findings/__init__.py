"""Why it took long: the rules that make findings, and the sentences that explain a pod."""
