/** A page that starts runs, lists them, and approves what waits for a person. */
export const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Articles</title>
<style>
  body { font: 16px/1.6 system-ui; max-width: 60rem; margin: 2rem auto }
  td { padding-right: 1.5rem }
</style>
<form><input name="topic" placeholder="A topic" required> <button>Write about it</button></form>
<table></table>
<script type="module">
  const form = document.querySelector("form");
  form.onsubmit = (event) => {
    event.preventDefault();
    post("/runs", { topic: form.topic.value }).then(() => form.reset());
  };

  async function post(path, body) {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) alert((await answer.json()).error);
    await show();
  }

  function row({ runId, status, pauses }) {
    const line = document.createElement("tr");
    for (const text of [runId, status]) line.insertCell().textContent = text;
    for (const { id, reason } of pauses) {
      const button = document.createElement("button");
      button.textContent = reason;
      button.onclick = () => post("/runs/" + encodeURIComponent(runId) + "/approve", { pauseId: id });
      line.insertCell().append(button);
    }
    return line;
  }

  async function show() {
    const runs = await (await fetch("/runs")).json();
    document.querySelector("table").replaceChildren(...runs.map(row));
  }

  await show();
  setInterval(show, 2_000);
</script>
`;
