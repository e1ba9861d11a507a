-- Ardour records what arrives from outside: arg[1] session folder (not there yet), arg[2] a file that ends the recording
-- when it appears. One tick of Ardour (1/1920 beat) is one frame at 1500 bpm and 48 kHz.
AudioEngine:set_backend("JACK", "ardour", "")
local s = create_session(arg[1], "sess", 48000)
assert(s)
local map = Temporal.TempoMap.write_copy()
map:set_tempo(Temporal.Tempo(1500, 1500, 4), Temporal.timepos_t(0))
Temporal.TempoMap.update(map)
map = nil
local M = ARDOUR.DataType("midi")
local tracks = s:new_midi_track(ARDOUR.ChanCount(M, 1), ARDOUR.ChanCount(M, 1), true, ARDOUR.PluginInfo(), nil, nil, 1,
  "rec", ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true)
for t in tracks:iter() do t:rec_enable_control():set_value(1, PBD.GroupControlDisposition.NoGroup) end
sleep(2)
s:maybe_enable_record()
sleep(1)
for _ = 1, 30 do
  if s:transport_rolling() then break end
  s:request_roll(ARDOUR.TransportRequestSource.TRS_UI)
  sleep(0.3)
end
print(s:transport_rolling() and "ROLLING" or "STANDING") io.stdout:flush()
for _ = 1, 600 do
  local stop = io.open(arg[2])
  if stop then stop:close() break end
  sleep(0.2)
end
s:request_stop(false, false, ARDOUR.TransportRequestSource.TRS_UI)
sleep(1.5)
s:save_state("")
close_session()
print("SAVED") io.stdout:flush()
quit()
