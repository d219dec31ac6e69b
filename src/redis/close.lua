-- KEYS: a closed endpoint. ARGV: for how many ms; how much longer to remember it; what is to be known of it.
-- Kept as the time at which it opens, a space, and the rest.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local opens = string.format('%.0f', now + ARGV[1])
redis.call('SET', KEYS[1], opens .. ' ' .. ARGV[3], 'PX', string.format('%.0f', ARGV[1] + ARGV[2]))
return 1
