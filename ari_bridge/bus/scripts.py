"""What Redis does whole or not at all, in its own language. Pure.

Keys, each behind the bus's prefix: `epoch` and `seq` (the numbering), `calls` (a stream: the call list), `call:ID` (a
stream a call, an entry's id is its number), `origin:ID` (the last number of a sender's own). Channels: `live` (the
epoch, then a line an event), `beats` (who is there), `node:NAME` (requests and answers).
"""

from __future__ import annotations

from typing import Final

MOST_OF_A_CALL: Final = 5_000  # entries; an hour's talk has some 1,500
MOST_CALLS: Final = 20_000
LIVE_S: Final = 12 * 3600  # what is known of a call goes so long after the last that was told of it
ENDED_S: Final = 300  # and so long after its end
ORIGIN_S: Final = 24 * 3600

JOIN: Final = """
local run = string.sub(string.match(redis.call('info', 'server'), 'run_id:(%w+)'), 1, 12)
local epoch = redis.call('get', ARGV[1] .. 'epoch')
if not epoch or string.sub(epoch, 1, 12) ~= run then
  epoch = run .. ARGV[2]
  redis.call('set', ARGV[1] .. 'epoch', epoch)
end
return {epoch, tonumber(redis.call('get', ARGV[1] .. 'seq') or '0')}
"""
"""ARGV: prefix, some random characters. The epoch and the newest number. A server that was started again may have lost
what it knew, so the epoch is one of its run alone."""

CATCH_UP: Final = """
local told, listed = {}, {}
for _, call in ipairs(redis.call('xrange', ARGV[1] .. 'calls', '-', '+')) do
  local key = ARGV[1] .. 'call:' .. call[2][2]
  if redis.call('exists', key) == 0 then
    redis.call('xdel', ARGV[1] .. 'calls', call[1])
  else
    listed[#listed + 1] = call[2][2]
    for _, entry in ipairs(redis.call('xrange', key, ARGV[2] .. '-0', '+')) do
      told[#told + 1] = {entry[1], entry[2][2]}
    end
  end
end
local seq = tonumber(redis.call('get', ARGV[1] .. 'seq') or '0')
return {redis.call('get', ARGV[1] .. 'epoch') or '', seq, told, listed}
"""
"""ARGV: prefix, a number. The epoch, the newest number, all that is known from that number on (in no order), the
calls."""

PUBLISH: Final = f"""
local prefix, epoch, origin = ARGV[1], ARGV[2], ARGV[3]
if redis.call('get', prefix .. 'epoch') ~= epoch then return -1 end
local seq = tonumber(redis.call('get', prefix .. 'seq') or '0')
local last = tonumber(redis.call('get', prefix .. 'origin:' .. origin) or '0')
local before, lines = seq, {{epoch}}
for i = 4, #ARGV, 4 do
  local number, keep, payload = tonumber(ARGV[i]), tonumber(ARGV[i + 2]), ARGV[i + 3]
  if number == 0 then
    lines[#lines + 1] = '~' .. payload
  elseif number > last then
    last, seq = number, seq + 1
    local key = prefix .. 'call:' .. ARGV[i + 1]
    if keep < 0 then
      redis.call('del', key)
      keep = -keep
    end
    if redis.call('exists', key) == 0 then
      redis.call('xadd', prefix .. 'calls', 'MAXLEN', '~', {MOST_CALLS}, seq .. '-0', 'call', ARGV[i + 1])
    end
    redis.call('xadd', key, 'MAXLEN', '~', {MOST_OF_A_CALL}, seq .. '-0', 'told', payload)
    redis.call('expire', key, keep)
    lines[#lines + 1] = '=' .. seq .. ' ' .. payload
  end
end
if seq > before then
  redis.call('set', prefix .. 'seq', seq)
  redis.call('set', prefix .. 'origin:' .. origin, last, 'EX', {ORIGIN_S})
end
if #lines > 1 then redis.call('publish', prefix .. 'live', table.concat(lines, '\\n')) end
return seq
"""
"""ARGV: prefix, epoch, origin, and of each event: its sender's number (0: it may be lost), the call, for how many
seconds it is kept (negative: what was known of the call goes first), the text. The newest number; -1 where the epoch is
another. What a sender sends twice is told once."""

PLACES: Final = """
local prefix, node, total, wanted, used = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local others, nodes, hungry = 0, 1, false
local leases = redis.call('hgetall', prefix .. 'places')
for i = 1, #leases, 2 do
  local share, wish, ends = string.match(leases[i + 1], '(%d+) (%d+) (%d+)')
  if tonumber(ends) < now then
    redis.call('hdel', prefix .. 'places', leases[i])
  elseif leases[i] ~= node then
    others, nodes = others + tonumber(share), nodes + 1
    if tonumber(wish) > tonumber(share) then hungry = true end
  end
end
local fair = math.floor(total / nodes)
local share = math.min(wanted, math.max(total - others, 0))
if hungry then share = math.min(share, fair) end
share = math.max(share, used)
redis.call('hset', prefix .. 'places', node, share .. ' ' .. wanted .. ' ' .. (now + ARGV[6]))
return share
"""
"""ARGV: prefix, node, the places that there are, how many the node wants, how many it has taken, for how many
milliseconds it is leased. How many it may have: what others leave, no more than an even part while somebody lacks, and
what it has taken in any case."""

SPENT: Final = """
local key = ARGV[1] .. 'spent:' .. ARGV[2]
local known = tonumber(redis.call('get', key) or '0')
if known < tonumber(ARGV[4]) then redis.call('set', key, ARGV[4]) end
local spent = redis.call('incrbyfloat', key, ARGV[3])
redis.call('expire', key, 172800)
return spent
"""
"""ARGV: prefix, day, what this node has spent since it last said so, what it knows to have been spent before that. What
all have."""
