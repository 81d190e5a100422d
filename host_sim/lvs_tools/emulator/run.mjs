// An RP2040 with real firmware, until its serial port has said a text that matches:
//   node run.mjs MODULES BOOTROM UF2 FILESYSTEM OFFSET PATTERN
// FILESYSTEM is put at OFFSET of the flash and written back at the end, as the board left it. Each
// line of the board is printed behind the board's seconds. MODULES: the folder with rp2040js.

import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const [modules, rom, firmware, filesystem, place, pattern] = process.argv.slice(2);
const found = createRequire(join(resolve(modules), 'x.js')).resolve('rp2040js');
const { Simulator, USBCDC } = (await import(pathToFileURL(found))).default;
const FLASH = 0x10000000, BKPT = 0xbe00, RETURN = 0x4770, ERASE = 0x4552, PROGRAM = 0x5052;

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
console_.onSerialData = (data) => {
  for (const letter of Buffer.from(data).toString('latin1')) {
    if (letter !== '\n') {
      line += letter;
      continue;
    }
    line = Buffer.from(line, 'latin1').toString().trimEnd();
    process.stdout.write(`${(simulator.clock.nanos / 1e9).toFixed(1)} ${line}\n`);
    if (wanted.test(line)) {
      writeFileSync(filesystem, chip.flash.subarray(offset, offset + files.length));
      process.exit(0);
    }
    line = '';
  }
};
chip.core.PC = FLASH;
simulator.execute();
