;; Counts the lines, words and bytes of standard input, and prints them as `wc` does: an example of a module that needs
;; nothing but to read and to write.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  ;; 0: one buffer's address and length. 8: how much was moved. 64: digits, written from 96 down. 1024: what was read.
  (memory (export "memory") 1 1)
  (global $lines (mut i32) (i32.const 0))
  (global $words (mut i32) (i32.const 0))
  (global $bytes (mut i32) (i32.const 0))
  (global $inside (mut i32) (i32.const 0))

  (func $look (param $byte i32)
    (if (i32.eq (local.get $byte) (i32.const 10))
      (then (global.set $lines (i32.add (global.get $lines) (i32.const 1)))))
    (if (i32.or (i32.eq (local.get $byte) (i32.const 32))
                (i32.lt_u (i32.sub (local.get $byte) (i32.const 9)) (i32.const 5)))
      (then (global.set $inside (i32.const 0)))
      (else
        (if (i32.eqz (global.get $inside))
          (then (global.set $words (i32.add (global.get $words) (i32.const 1)))))
        (global.set $inside (i32.const 1)))))

  ;; A number, and the byte that follows it.
  (func $print (param $number i32) (param $then i32)
    (local $at i32)
    (local.set $at (i32.const 96))
    (i32.store8 (local.get $at) (local.get $then))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digits (local.get $number)))
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (i32.sub (i32.const 97) (local.get $at)))
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (call $exit (i32.const 1)))))

  (func (export "_start")
    (local $at i32) (local $end i32)
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 32768))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (call $exit (i32.const 1))))
      (local.set $at (i32.const 1024))
      (local.set $end (i32.add (i32.const 1024) (i32.load (i32.const 8))))
      (global.set $bytes (i32.add (global.get $bytes) (i32.load (i32.const 8))))
      (block $read-all
        (loop $bytes
          (br_if $read-all (i32.eq (local.get $at) (local.get $end)))
          (call $look (i32.load8_u (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $bytes)))
      (br_if $more (i32.load (i32.const 8))))
    (call $print (global.get $lines) (i32.const 32))
    (call $print (global.get $words) (i32.const 32))
    (call $print (global.get $bytes) (i32.const 10))))
