-- Ardour as MIDI clock master: arg[1] session folder (not there yet), arg[2] tempo in bpm, arg[3] a file that ends it.
AudioEngine:set_backend("JACK", "ardour", "")
local s = create_session(arg[1], "sess", 48000)
assert(s)
local bpm = tonumber(arg[2])
local map = Temporal.TempoMap.write_copy()
map:set_tempo(Temporal.Tempo(bpm, bpm, 4), Temporal.timepos_t(0))
Temporal.TempoMap.update(map)
map = nil
local c = ARDOUR.config()
c.send_midi_clock = true
print("READY") io.stdout:flush()
local go
repeat sleep(0.2) go = io.open(arg[3] .. ".go") until go
go:close()
for _ = 1, 30 do
  if s:transport_rolling() then break end
  s:request_roll(ARDOUR.TransportRequestSource.TRS_UI)
  sleep(0.3)
end
print(s:transport_rolling() and "ROLLING" or "STANDING") io.stdout:flush()
for _ = 1, 600 do
  local stop = io.open(arg[3])
  if stop then stop:close() break end
  sleep(0.2)
end
s:request_stop(false, false, ARDOUR.TransportRequestSource.TRS_UI)
sleep(1)
close_session()
print("STOPPED") io.stdout:flush()
quit()
