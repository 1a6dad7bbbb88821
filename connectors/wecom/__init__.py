"""WeCom (企业微信): webhook messages, app messages, people, encrypted callbacks."""
