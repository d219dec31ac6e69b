-- Checks that Redis accepts writes, and returns the messages since the last read.
--
-- KEYS: the clock; a key to write to; the list of messages. ARGV: the shared time of the last read or, for
-- the first one, the number of microseconds to go back, negated; the maximum number of messages.
--
-- Returns the time up to which all messages were returned, 1 if there are more, and the messages in order.
redis.call('SET', KEYS[2], text(now), 'PX', 60000)
local since = tonumber(ARGV[1])
if since < 0 then
    since = now + since
end
local most = tonumber(ARGV[2])
local messages = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. text(since), '+inf', 'LIMIT', 0, most)
if #messages < most then
    return { text(now), 0, messages }
end
-- Each message has a unique time, so the last one's is where to continue.
return { string.match(messages[#messages], '^%d+'), 1, messages }
