(() => {
  const player = document.getElementById("player"), line = document.getElementById("line");
  const words = [...document.querySelectorAll(".lyrics [data-b]")];
  const times = words.map(word => [+word.dataset.b, +word.dataset.e]);
  const head = document.getElementById("head");
  let now = -1;

  // the word that is sung, the line it stands in, and the place in the drawing
  function show() {
    const t = player.currentTime;
    const at = times.findIndex(([begin, end]) => begin <= t && t < end);
    if (at !== now) {
      words[now]?.classList.remove("on");
      words[at]?.classList.add("on");
      if (at >= 0) line.textContent = words[at].closest("p").textContent.trim();
      now = at;
    }
    if (head && player.duration) {
      head.hidden = false;
      head.style.left = 100 * Math.min(1, t / head.dataset.seconds) + "%";
    }
    if (!player.paused) requestAnimationFrame(show);
  }
  if (player) {
    for (const event of ["play", "seeked"]) player.addEventListener(event, show);
    player.addEventListener("ended", () => { line.textContent = ""; });
    document.documentElement.classList.add("follows");
    for (const spot of document.querySelectorAll("main [data-b]"))
      spot.addEventListener("click", () => { player.currentTime = spot.dataset.b; player.play(); });
    document.querySelector(".roll")?.addEventListener("click", event => {
      const box = event.currentTarget.getBoundingClientRect();
      player.currentTime = head.dataset.seconds * (event.clientX - box.left) / box.width;
      player.play();
    });
  }

  // one sound at a time
  const heard = [...document.querySelectorAll("audio, video:not([muted])")];
  for (const one of heard)
    one.addEventListener("play", () => heard.forEach(other => other === one || other.pause()));

  // silent loops play while they are seen, unless the reader wants no motion
  if (matchMedia("(prefers-reduced-motion: no-preference)").matches) {
    const watch = new IntersectionObserver(seen => seen.forEach(({target, isIntersecting}) =>
      isIntersecting ? target.play().catch(() => {}) : target.pause()), {threshold: 0.4});
    document.querySelectorAll("video[data-loop]").forEach(video => watch.observe(video));
  }
})();
