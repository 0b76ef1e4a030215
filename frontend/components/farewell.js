// A tab in which somebody signed out tells the others, so that no page of that person stays on a screen.
const channel = new BroadcastChannel("signet-session")
channel.onmessage = () => location.reload()

export default function () {}
