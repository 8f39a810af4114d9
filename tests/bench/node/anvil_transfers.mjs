// Signed transfers for anvil, one JSON-RPC request a line: node anvil_transfers.mjs ETHERS_DIR SENDERS PER_SENDER FILE
// Prints the senders' addresses. ETHERS_DIR is a folder in which npm has installed `ethers`.
import { createRequire } from "node:module";
import { createWriteStream } from "node:fs";
const [dir, senders, perSender, file] = process.argv.slice(2);
const { ethers } = createRequire(dir + "/")("ethers");
const wallets = [];
for (let i = 1; i <= Number(senders); i++) wallets.push(new ethers.Wallet("0x" + i.toString(16).padStart(64, "0")));
const out = createWriteStream(file);
let id = 0;
for (let nonce = 0; nonce < Number(perSender); nonce++)
  for (const [i, w] of wallets.entries()) {
    const raw = await w.signTransaction({
      to: wallets[(i + nonce + 1) % wallets.length].address, value: 1n, nonce, gasLimit: 21000n,
      maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 1n, chainId: 31337, type: 2,
    });
    out.write(JSON.stringify({ jsonrpc: "2.0", id: ++id, method: "eth_sendRawTransaction", params: [raw] }) + "\n");
  }
out.end();
for (const w of wallets) console.log(w.address);
