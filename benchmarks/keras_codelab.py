"""The codelab's network in Keras: prints one JSON line an epoch, and how long getting ready took.

Usage: python benchmarks/keras_codelab.py FOLDER [--loader generator] [--epochs 15] [--seed 0]
           [--jit] [--bfloat16] [--cache uint8] [--threads N]

FOLDER holds train/cats, train/dogs, validation/cats and validation/dogs. --loader generator reads
them as the codelab's page does, by `ImageDataGenerator`. --loader dataset reads them as Keras 3 and
TensorFlow recommend today: `image_dataset_from_directory`, then `cache()`, `shuffle` and
`prefetch`. --jit compiles the training step by XLA, --bfloat16 computes in mixed precision, and
--cache uint8 keeps whole numbers in the cache, a quarter of the bytes.
Needs tensorflow-cpu, pillow and scipy.
"""
import argparse, json, os, time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf
from tensorflow.keras import Model, layers
from tensorflow.keras.optimizers import RMSprop
from tensorflow.keras.preprocessing.image import ImageDataGenerator

SIZE, BATCH = 150, 100

def codelab(jit, rescale):
    "As the codelab's page builds it; `rescale` divides by 255 in the network, not in the loader"
    inputs = layers.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 255)(inputs) if rescale else inputs
    for filters in (16, 32, 64):
        x = layers.MaxPooling2D(2)(layers.Conv2D(filters, 3, activation="relu")(x))
    x = layers.Dense(512, activation="relu")(layers.Flatten()(x))
    model = Model(inputs, layers.Dense(1, activation="sigmoid", dtype="float32")(x))
    model.compile(
        loss="binary_crossentropy", optimizer=RMSprop(learning_rate=0.001), metrics=["acc"],
        jit_compile=jit)
    return model

def generator(folder, side):
    "The codelab's loader"
    return ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        f"{folder}/{side}", target_size=(SIZE, SIZE), batch_size=BATCH, class_mode="binary",
        shuffle=side == "train")

def dataset(folder, side, kept):
    "Today's loader: photos are read once, and kept in memory as numbers of the type `kept`"
    photos = tf.keras.utils.image_dataset_from_directory(
        f"{folder}/{side}", label_mode="binary", image_size=(SIZE, SIZE), batch_size=BATCH,
        shuffle=side == "train", verbose=False)
    photos = photos.map(lambda x, y: (tf.cast(tf.round(x), kept), y)) if kept == "uint8" else photos
    photos = photos.cache()
    if side == "train": photos = photos.shuffle(1000)
    return photos.prefetch(tf.data.AUTOTUNE)

class Print(tf.keras.callbacks.Callback):
    """One line an epoch; the time of training is taken up to the start of validation.

    The old loader sometimes sleeps up to five seconds before an epoch's first batch: `wait_seconds`.
    """
    def on_epoch_begin(self, epoch, logs=None):
        self.start, self.trained, self.first = clock(), None, None
    def on_train_batch_begin(self, batch, logs=None):
        self.first = self.first or time.perf_counter()
    def on_test_begin(self, logs=None): self.trained = self.trained or clock()
    def on_epoch_end(self, epoch, logs=None):
        trained = self.trained or clock()
        seconds, cpu_seconds = (b - a for a, b in zip(self.start, trained, strict=True))
        print(
            json.dumps(
                {
                    "epoch": epoch,
                    "images_per_second": self.photos / seconds,
                    "seconds": seconds,
                    "cpu_seconds": cpu_seconds,
                    "wait_seconds": self.first - self.start[0],
                    **{k: float(v) for k, v in logs.items()}}),
            flush=True)

def clock(): return time.perf_counter(), time.process_time()

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--loader", choices=("generator", "dataset"), default="generator")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--jit", action="store_true")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--cache", choices=("float32", "uint8"), default="float32")
    parser.add_argument("--threads", type=int)
    return parser.parse_args()

def main():
    args = arguments()
    if args.threads:
        tf.config.threading.set_intra_op_parallelism_threads(args.threads)
        tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    if args.bfloat16: tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    tf.keras.utils.set_random_seed(args.seed)
    start = clock()
    if args.loader == "generator": train, valid = (generator(args.folder, s) for s in ("train", "validation"))
    else: train, valid = (dataset(args.folder, s, args.cache) for s in ("train", "validation"))
    report = Print()
    report.photos = sum(len(files) for _, _, files in os.walk(f"{args.folder}/train"))
    model = codelab(args.jit, rescale=args.loader == "dataset")
    seconds, cpu_seconds = (b - a for a, b in zip(start, clock(), strict=True))
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}), flush=True)
    model.fit(
        train, epochs=args.epochs, validation_data=valid if args.validate else None, verbose=0,
        callbacks=[report])

if __name__ == "__main__": main()
