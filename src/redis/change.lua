-- KEYS: the last change to an object; the changes of the last day, by when they were told.
-- ARGV: the object; when it was changed; for how many ms to remember that.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now, ARGV[2] .. ' ' .. ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 86400000)
redis.call('PEXPIRE', KEYS[2], 86400000)
return 1
