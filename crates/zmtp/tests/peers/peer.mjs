// As peer.py, with npm's zeromq, whose module is below the directory that is the argument.

import { createRequire } from "node:module"
import { createInterface } from "node:readline"

const zmq = createRequire(process.argv[2] + "/")("zeromq")
const TYPES = {
  XPUB: zmq.XPublisher, PUB: zmq.Publisher, SUB: zmq.Subscriber, XSUB: zmq.XSubscriber,
  PUSH: zmq.Push, PULL: zmq.Pull, ROUTER: zmq.Router, DEALER: zmq.Dealer,
}
let socket

function readFrame(text) {
  return text.startsWith("x") ? Buffer.alloc(+text.slice(1), "x") : Buffer.from(text.slice(1), "hex")
}

function writeFrame(frame) {
  const isX = frame.length > 64 && frame.equals(Buffer.alloc(frame.length, "x"))
  return isX ? `x${frame.length}` : "." + frame.toString("hex")
}

function open(type, publicKey, secretKey, serverKey) {
  socket = new TYPES[type]({ linger: 0 })
  if (type !== "SUB" && type !== "PULL") socket.sendHighWaterMark = 0
  if (type !== "PUB" && type !== "PUSH") socket.receiveHighWaterMark = 0
  if (publicKey) {
    Object.assign(socket, { curvePublicKey: publicKey, curveSecretKey: secretKey })
    if (serverKey) socket.curveServerKey = serverKey
    else socket.curveServer = true
  }
  return "done"
}

async function attach(how, endpoint) {
  if (how === "connect") {
    socket.connect(endpoint)
    return endpoint
  }
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      await socket.bind(endpoint)
      break
    } catch { // The socket before it is being closed.
      await new Promise((done) => setTimeout(done, 10))
    }
  }
  return socket.lastEndpoint
}

async function receive(timeout) {
  socket.receiveTimeout = timeout
  try {
    return await socket.receive()
  } catch (error) {
    if (error.code === "EAGAIN") return null
    throw error
  }
}

async function change(subscribe, prefix) {
  if (socket instanceof zmq.XSubscriber) {
    await socket.send(Buffer.concat([Buffer.from([subscribe ? 1 : 0]), prefix]))
  } else if (subscribe) socket.subscribe(prefix)
  else socket.unsubscribe(prefix)
}

async function run(command, words) {
  switch (command) {
    case "open": return open(...words)
    case "bind": case "connect": return await attach(command, words[0])
    case "subscribe": case "unsubscribe":
      await change(command === "subscribe", readFrame(words[0])); return "done"
    case "send": await socket.send(words.map(readFrame)); return "done"
    case "receive": {
      const message = await receive(+words[0])
      return message ? message.map(writeFrame).join(" ") : "nothing"
    }
    default: socket.close(); return "done"
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...words] = line.split(" ")
  console.log(await run(command, words))
}
