// A browser window on the page of one node.
const PATIENCE = 8000 // milliseconds that anything may take

export class Screen {
  problems = [] // what no page may do: errors, dialogs, breaches of its policy

  static async open(browser, url, options) {
    const screen = new Screen()
    const context = await browser.newContext(options)
    await context.exposeBinding('report', (_, what) => screen.problems.push(what))
    await context.addInitScript(() => addEventListener('securitypolicyviolation', e => report(`policy: ${e.violatedDirective} ${e.blockedURI}`)))
    screen.page = await context.newPage()
    screen.page.setDefaultTimeout(PATIENCE)
    screen.page.on('pageerror', err => screen.problems.push(String(err)))
    screen.page.on('dialog', dialog => screen.problems.push(`dialog: ${dialog.message()}`))
    screen.page.on('console', message => screen.heard(message))
    await screen.page.goto(url)
    await screen.shows('#link', 'live')
    return screen
  }

  // That an answer was 404, or that a node is away, the browser calls an error
  // of its own accord.
  heard(message) {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) this.problems.push(message.text())
  }

  // shows waits until an element with text is seen.
  shows(selector, text) {
    return this.page.locator(selector).filter({ hasText: text, visible: true }).first().waitFor()
  }

  card(name, text) {
    return this.shows(`[data-node=${name}]`, text)
  }

  // ask fills the key box and presses a button of it.
  async ask(verb, key, value) {
    await this.page.fill('#key', key)
    if (value !== undefined) await this.page.fill('#value', value)
    await this.page.click(`#${verb}`)
  }

  count(selector) {
    return this.page.locator(selector).count()
  }

  size() {
    return this.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight])
  }
}
