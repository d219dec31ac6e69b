-- Whether Redis takes what is written to it, and what was written to at VirusTotal since the last time.
-- KEYS: a value of no meaning; the objects that were changed, by when the change was told here.
-- ARGV: since when, in Redis's milliseconds.
-- Gives the time, and each object with when it was changed by its replica's clock.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], now, 'PX', 60000)
local news = {}
if ARGV[1] ~= '0' then
    -- A millisecond may have seen more than one change: the last one is told twice.
    local told = redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[1], '+inf', 'LIMIT', 0, 1000)
    for index, member in ipairs(told) do
        local stamp, object = string.match(member, '^(%d+) (.*)$')
        if stamp then
            news[#news + 1] = { object, stamp }
        end
    end
end
return { now, news }
