-- Stores a back-off, unless a longer one is stored.
--
-- KEYS: the back-off. ARGV: its duration in ms; how long to keep it after its end, in ms; its content.
local left = math.min(tonumber(ARGV[1]), longest)
-- A back-off that arrives later may stem from an earlier response, so the longer one stays.
if (backoff(KEYS[1]) or 0) <= left then
    store(KEYS[1], now + left, ARGV[3], left + ARGV[2])
end
return 1
