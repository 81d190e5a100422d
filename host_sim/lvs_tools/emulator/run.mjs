// An RP2040 with real firmware, until its serial port has said a text that matches:
//   node run.mjs MODULES BOOTROM UF2 FILESYSTEM OFFSET PATTERN PATIENCE
// FILESYSTEM is put at OFFSET of the flash and written back at the end, as the board left it. Each
// line of the board is printed behind the board's seconds. MODULES: the folder with rp2040js.
// Where the board will not say it any more, or has not after PATIENCE seconds, the last line is why
// and the status 4.

import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const [modules, rom, firmware, filesystem, place, pattern, patience] = process.argv.slice(2);
const found = createRequire(join(resolve(modules), 'x.js')).resolve('rp2040js');
const { Simulator, USBCDC } = (await import(pathToFileURL(found))).default;
const QUIET = 100; // seconds of the board's: whoever runs tells that once a minute
const FLASH = 0x10000000, WATCHDOG = 0x40058, BKPT = 0xbe00, RETURN = 0x4770, ERASE = 0x4552, PROGRAM = 0x5052;

const simulator = new Simulator();
const chip = simulator.rp2040;
const quiet = () => {};
chip.logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

// The flash chip is not emulated: the ROM's functions that write to it become breakpoints.
const boot = readFileSync(rom);
for (let at = boot.readUInt16LE(0x14); boot.readUInt16LE(at); at += 4) {
  const code = boot.readUInt16LE(at);
  if (code === ERASE || code === PROGRAM) {
    const entry = boot.readUInt16LE(at + 2) & ~1;
    boot.writeUInt16LE(BKPT | (code === ERASE ? 1 : 2), entry);
    boot.writeUInt16LE(RETURN, entry + 2);
  }
}
chip.loadBootrom(new Uint32Array(boot.buffer.slice(boot.byteOffset, boot.byteOffset + boot.length)));
chip.onBreak = (code) => {
  const [at, second, third] = chip.core.registers;
  if (code === 1) {
    chip.flash.fill(0xff, at, at + second);
  } else if (code === 2) {
    for (let i = 0; i < third; i++) chip.flash[at + i] &= chip.readUint8(second + i);
  } else {
    process.exit(3); // the firmware gave up
  }
};

const image = readFileSync(firmware);
for (let at = 0; at + 512 <= image.length; at += 512) {
  const size = image.readUInt32LE(at + 16);
  chip.flash.set(image.subarray(at + 32, at + 32 + size), image.readUInt32LE(at + 12) - FLASH);
}
const offset = Number(place);
const files = readFileSync(filesystem);
chip.flash.set(files, offset);

const wanted = new RegExp(pattern);
const console_ = new USBCDC(chip.usbCtrl);
let line = '';
let heard = 0;
const seconds = () => (simulator.clock.nanos / 1e9).toFixed(1);
console_.onSerialData = (data) => {
  for (const letter of Buffer.from(data).toString('latin1')) {
    if (letter !== '\n') {
      line += letter;
      continue;
    }
    heard = simulator.clock.nanos;
    line = Buffer.from(line, 'latin1').toString().trimEnd();
    process.stdout.write(`${seconds()} ${line}\n`);
    if (wanted.test(line)) {
      writeFileSync(filesystem, chip.flash.subarray(offset, offset + files.length));
      process.exit(0);
    }
    line = '';
  }
};

function stop(why) {
  const at = chip.core.PC.toString(16);
  process.stdout.write(`${line && `${seconds()} ${line}\n`}${seconds()} ${why}; it is at 0x${at}\n`);
  process.exit(4);
}

// rp2040js has no reset: a board that asks for one, or does not feed its watchdog, would wait for it.
chip.peripherals[WATCHDOG].onWatchdogTrigger = () => stop('the board restarts itself');
const begun = Date.now();
let before = -1;
setInterval(() => {
  const now = simulator.clock.nanos;
  if (now === before) stop('the board waits for what never comes');
  if (now - heard > QUIET * 1e9) stop(`the board has said nothing for ${QUIET} s`);
  if (Date.now() - begun > patience * 1000) stop(`not done after ${patience} s`);
  before = now;
}, 1000);
chip.core.PC = FLASH;
simulator.execute();
