-- Whether Redis takes what is written to it, and what other replicas told since the last time.
-- KEYS: the clock; a value of no meaning; the news. ARGV: since when: a time of the clock or, the first time, how many
-- microseconds ago with a minus before it; how many news to give at most.
-- Gives the time up to which all was told, whether there is more, and the news in their order.
redis.call('SET', KEYS[2], text(now), 'PX', 60000)
local since = tonumber(ARGV[1])
if since < 0 then
    since = now + since
end
local most = tonumber(ARGV[2])
local told = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. text(since), '+inf', 'LIMIT', 0, most)
if #told < most then
    return { text(now), 0, told }
end
-- Each has a time of its own, so the last one's is where to go on.
return { string.match(told[#told], '^%d+'), 1, told }
