// The chunk grid: one cell a chunk, drawn on a canvas, so that ten thousand cost no more than ten.
import { duration } from './time.js'

const NAMES = ['planned', 'running', 'done', 'failed']
const RAMP = 7 // steps of the scale of time

export function grids() {
  const grids = new Map()
  for (const panel of document.querySelectorAll('.chunks')) grids.set(panel.dataset.task, new Grid(panel))
  addEventListener('recolour', () => grids.forEach((grid) => grid.paint()))
  return {
    take(news) {
      for (const [task, delta] of Object.entries(news.chunks ?? {})) {
        if (grids.has(task)) grids.get(task).take(delta)
        else location.reload() // a task in chunks has just begun: the page gets its panel
      }
    },
  }
}

class Grid {
  constructor(panel) {
    this.panel = panel
    this.canvas = panel.querySelector('canvas')
    this.keys = panel.querySelector('.keys')
    this.tip = panel.querySelector('.tip')
    this.by = 'state'
    this.at = -1
    const data = JSON.parse(panel.querySelector('.cells-data').textContent)
    this.size(data.chunks)
    this.put(data)
    new ResizeObserver(() => this.paint()).observe(panel)
    for (const button of panel.querySelectorAll('[data-by]')) button.addEventListener('click', () => this.colour(button.dataset.by))
    this.canvas.addEventListener('pointermove', (event) => this.point(event))
    this.canvas.addEventListener('pointerleave', () => this.choose(-1))
    this.canvas.addEventListener('keydown', (event) => this.key(event))
    this.paint()
  }

  size(count) {
    this.count = count
    this.state = new Uint8Array(count)
    this.ms = new Float64Array(count)
    this.rows = new Float64Array(count)
    this.lane = new Int16Array(count).fill(-1)
    this.tries = new Uint16Array(count)
  }

  put({ n, s, ms, rows, lane, at }) {
    for (let i = 0; i < n.length; i++) {
      const k = n[i] - 1 // chunks are counted from 1
      if (k < 0 || k >= this.count) continue
      this.state[k] = s[i]; this.ms[k] = ms[i]; this.rows[k] = rows[i]; this.lane[k] = lane[i] ?? -1; this.tries[k] = at[i]
    }
  }

  take(delta) {
    if (delta.chunks !== this.count) this.size(delta.chunks)
    this.put(delta)
    if (!this.due) this.due = requestAnimationFrame(() => { this.due = 0; this.paint() })
  }

  colour(by) {
    this.by = by
    for (const button of this.panel.querySelectorAll('[data-by]')) button.setAttribute('aria-pressed', String(button.dataset.by === by))
    this.paint()
  }

  // The largest cells with which all fit into about 280 pixels of height.
  shape() {
    const width = this.canvas.parentElement.clientWidth - 40
    let pitch = 22
    while (pitch > 4 && Math.ceil(this.count / Math.floor(width / pitch)) * pitch > 280) pitch -= 1
    this.columns = Math.max(1, Math.floor(width / pitch))
    this.pitch = pitch
    this.gap = pitch > 12 ? 2.5 : pitch > 6 ? 1.5 : 0.8
    return { width: this.columns * pitch, height: Math.ceil(this.count / this.columns) * pitch }
  }

  paint() {
    const { width, height } = this.shape(), scale = devicePixelRatio || 1
    if (!width || !height) return
    const canvas = this.canvas
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale); canvas.height = Math.round(height * scale)
      canvas.style.width = `${width}px`; canvas.style.height = `${height}px`
    }
    const style = getComputedStyle(this.panel), value = (name) => style.getPropertyValue(name).trim()
    const states = [value('--cell'), value('--run'), value('--cell-done'), value('--bad')]
    const ramp = Array.from({ length: RAMP }, (_, i) => value(`--ramp-${i}`))
    const lanes = Array.from({ length: 8 }, (_, i) => value(`--lane-${i}`))
    const steps = this.steps()
    const draw = canvas.getContext('2d')
    draw.setTransform(scale, 0, 0, scale, 0, 0)
    draw.clearRect(0, 0, width, height)
    const side = this.pitch - this.gap, radius = this.pitch > 12 ? 3 : this.pitch > 7 ? 1.5 : 0
    const paths = new Map()
    for (let k = 0; k < this.count; k++) {
      const state = this.state[k]
      const colour = state !== 2 || this.by === 'state' ? states[state] : this.by === 'time' ? ramp[steps(this.ms[k])] : lanes[(this.lane[k] + 8) % 8]
      if (!paths.has(colour)) paths.set(colour, new Path2D())
      const x = (k % this.columns) * this.pitch, y = Math.floor(k / this.columns) * this.pitch
      if (radius) paths.get(colour).roundRect(x, y, side, side, radius)
      else paths.get(colour).rect(x, y, side, side)
    }
    for (const [colour, path] of paths) { draw.fillStyle = colour; draw.fill(path) }
    if (this.at >= 0) {
      const x = (this.at % this.columns) * this.pitch, y = Math.floor(this.at / this.columns) * this.pitch
      draw.lineWidth = 2; draw.strokeStyle = value('--ink'); draw.strokeRect(x - 0.5, y - 0.5, side + 1, side + 1)
    }
    this.legend(states, ramp, lanes)
    this.describe()
  }

  // By the ranks of the times, so that one slow chunk does not make all others look alike.
  steps() {
    if (this.by !== 'time') return () => 0
    const known = Array.from(this.ms).filter((ms, k) => this.state[k] === 2).sort((a, b) => a - b)
    this.limits = Array.from({ length: RAMP - 1 }, (_, i) => known[Math.floor((known.length * (i + 1)) / RAMP)] ?? 0)
    return (ms) => { let i = 0; while (i < RAMP - 1 && ms > this.limits[i]) i++; return i }
  }

  counts() {
    const counts = [0, 0, 0, 0]
    for (const state of this.state) counts[state]++
    return counts
  }

  legend(states, ramp, lanes) {
    const counts = this.counts()
    let keys = NAMES.map((name, i) => [states[i], `${name} ${counts[i].toLocaleString('en')}`]).filter((_, i) => counts[i])
    if (this.by === 'time' && this.limits) keys = [[ramp[0], `up to ${duration((this.limits[0] || 0) / 1000)}`], ...ramp.slice(1, -1).map((c) => [c, '']), [ramp[RAMP - 1], `over ${duration((this.limits[RAMP - 2] || 0) / 1000)}`]]
    if (this.by === 'lane') keys = [...new Set(this.lane)].filter((lane) => lane >= 0).sort((a, b) => a - b).slice(0, 16).map((lane) => [lanes[lane % 8], `lane ${lane}`])
    const text = JSON.stringify(keys)
    if (text === this.legendText) return
    this.legendText = text
    this.keys.replaceChildren(...keys.map(([colour, words]) => {
      const key = document.createElement('span'), box = document.createElement('i')
      box.style.background = colour
      key.append(box, words)
      return key
    }))
  }

  describe() {
    const counts = this.counts()
    const text = `${this.count} chunks: ` + NAMES.map((name, i) => `${counts[i]} ${name}`).filter((_, i) => counts[i]).join(', ') + '. Arrow keys go from chunk to chunk.'
    if (this.canvas.getAttribute('aria-label') !== text) this.canvas.setAttribute('aria-label', text)
  }

  choose(k) {
    if (k === this.at) return
    this.at = k
    this.tip.textContent = k < 0 ? '' : this.words(k)
    this.paint()
  }

  words(k) {
    const parts = [`chunk ${k + 1}`, NAMES[this.state[k]]]
    if (this.state[k] >= 2) parts.push(`${this.rows[k].toLocaleString('en')} rows`, duration(this.ms[k] / 1000))
    if (this.lane[k] >= 0) parts.push(`lane ${this.lane[k]}`)
    if (this.tries[k] > 1) parts.push(`attempt ${this.tries[k]}`)
    return parts.join(' · ')
  }

  point(event) {
    const column = Math.floor(event.offsetX / this.pitch), k = Math.floor(event.offsetY / this.pitch) * this.columns + column
    this.choose(column < this.columns && k < this.count ? k : -1)
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key]
    if (event.key === 'Escape') return this.choose(-1)
    const to = event.key === 'Home' ? 0 : event.key === 'End' ? this.count - 1 : by && (this.at < 0 ? 0 : this.at + by)
    if (to === undefined) return
    event.preventDefault()
    this.choose(Math.min(this.count - 1, Math.max(0, to)))
  }
}
