"""The codelab's network in Keras, as its page builds it: prints one JSON line an epoch.

Usage: python benchmarks/keras_codelab.py FOLDER --epochs 15 [--seed 0]

FOLDER holds train/cats, train/dogs, validation/cats and validation/dogs.
Needs tensorflow-cpu, pillow and scipy.
"""
import argparse, json, os, time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf
from tensorflow.keras import Model, layers
from tensorflow.keras.optimizers import RMSprop
from tensorflow.keras.preprocessing.image import ImageDataGenerator

def codelab():
    x = inputs = layers.Input((150, 150, 3))
    for filters in (16, 32, 64):
        x = layers.MaxPooling2D(2)(layers.Conv2D(filters, 3, activation="relu")(x))
    x = layers.Dense(512, activation="relu")(layers.Flatten()(x))
    model = Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile(
        loss="binary_crossentropy", optimizer=RMSprop(learning_rate=0.001), metrics=["acc"])
    return model

class Print(tf.keras.callbacks.Callback):
    """One line an epoch; the time of training is taken up to the start of validation.

    Keras' loader sometimes sleeps up to five seconds before an epoch's first batch: `wait_seconds`.
    """
    def on_epoch_begin(self, epoch, logs=None):
        self.start, self.trained, self.first = time.perf_counter(), None, None
    def on_train_batch_begin(self, batch, logs=None): self.first = self.first or time.perf_counter()
    def on_test_begin(self, logs=None): self.trained = self.trained or time.perf_counter()
    def on_epoch_end(self, epoch, logs=None):
        seconds = (self.trained or time.perf_counter()) - self.start
        print(
            json.dumps(
                {
                    "epoch": epoch,
                    "images_per_second": self.photos / seconds,
                    "seconds": seconds,
                    "wait_seconds": self.first - self.start,
                    **{k: float(v) for k, v in logs.items()}}),
            flush=True)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validate", action="store_true")
    args = parser.parse_args()
    tf.keras.utils.set_random_seed(args.seed)
    flow = lambda side: ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        f"{args.folder}/{side}", target_size=(150, 150), batch_size=100, class_mode="binary",
        shuffle=side == "train")
    train, report = flow("train"), Print()
    report.photos = train.samples
    codelab().fit(
        train, epochs=args.epochs, validation_data=flow("validation") if args.validate else None,
        verbose=0, callbacks=[report])

if __name__ == "__main__": main()
