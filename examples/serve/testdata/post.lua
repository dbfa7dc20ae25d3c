-- wrk sends one incident after the other.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local texts = {
  "The checkout is down for all customers. Sales have stopped.",
  "How do I change the colour of the icon in the portal?",
  "Some users cannot sign in since this morning; it works at the second try.",
}
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, "/risk", nil, string.format('{"id": "INC-%d", "text": "%s"}', n, texts[n % #texts + 1]))
end
