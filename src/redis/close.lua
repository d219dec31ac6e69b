-- KEYS: a closed endpoint. ARGV: for how many ms; how much longer to remember it; what is to be known of it.
local left = math.min(tonumber(ARGV[1]), longest)
-- What another replica heard later may have been asked earlier: the longer one stands.
if (closure(KEYS[1]) or 0) <= left then
    keep(KEYS[1], now + left, ARGV[3], left + ARGV[2])
end
return 1
